// RFC 6455 section 5.2.

/** First byte of a text message that is one frame. */
export const WHOLE_TEXT = 0x81

/** First byte of a binary message that is one frame. */
export const WHOLE_BINARY = 0x82

/** Bit of the first byte: the last frame of a message. */
export const FIN = 0x80

/** Bit of the first byte: a control frame. */
export const CONTROL = 0x08

/** Bit of the second byte: the payload is masked. */
export const MASKED = 0x80

/** Bits of the second byte: the length of the payload. */
export const LENGTH = 0x7f

/** Value of these bits if the length follows in 16 bits. */
export const LENGTH_16 = 126

/** Value of these bits if the length follows in 64 bits. */
export const LENGTH_64 = 127

/** Size, in bytes, of the largest frame header. */
export const LARGEST_HEADER = 14
