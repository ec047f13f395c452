/** A private key and its certificate, both in PEM. */
export interface Certificate {
  key: string
  cert: string
}

/** A certificate together with that of the certificate authority which signed it. */
export interface SignedCertificate extends Certificate {
  ca: string
}

export function createCertificate (...names: string[]): Promise<Certificate>
export function createExpiredCertificate (): Promise<Certificate>
export function createSignedCertificate (): Promise<SignedCertificate>
