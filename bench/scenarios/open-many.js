/** Opens many sockets of a client, 100 at a time, so that their connections fit into the server's listen queue. */
export async function openMany (client, count, path = '/echo', bytes = 0) {
  const sockets = []
  while (sockets.length < count) {
    const step = Math.min(100, count - sockets.length)
    sockets.push(...await Promise.all(Array.from({ length: step }, () => client.open(path, bytes))))
  }
  return sockets
}
