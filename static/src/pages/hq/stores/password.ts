/** Easy to read out over the phone: no 0/O, 1/l/I. 12 of 55 characters are 69 bits. */
const letters = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'

export function makePassword(length = 12): string {
  const drawn: string[] = []
  while (drawn.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length * 2))) {
      // Bytes past the last whole round would make the first letters likelier.
      if (byte < Math.floor(256 / letters.length) * letters.length) drawn.push(letters[byte % letters.length]!)
    }
  }
  return drawn.slice(0, length).join('')
}
