export function accepts (port: number): Promise<boolean>
