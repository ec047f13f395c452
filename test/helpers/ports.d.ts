export function accepts (port: number): Promise<boolean>
export function findPort (): Promise<number>
