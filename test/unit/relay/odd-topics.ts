/** Topics that have a meaning for an MQEmitter, Redis, NATS or MQTT, or that an encoding changes. */
export const ODD_TOPICS = [
  '', '+', '#', '/', '*', '>', '.', '?', '[a-z]', 'a/+/b', 'a/#', '$SYS', ' ', 'a b', '\0', '\r\n', '%', '%0025', '_', '-',
  'é', 'e\u0301', '\ud800', '\udfff', '\ufffd', '😀', '__proto__', 'x'.repeat(200), 'x'.repeat(201), 'é'.repeat(5000)
]
