export const references = []
export const isInstalled = () => false
