/** A Chinese mobile number as it is written down; others, and masked ones, whole. */
export function writtenPhone(phone: string | null | undefined): string {
  return phone?.replace(/^\+86(\d{3})(\d{4})(\d{4})$/, '$1 $2 $3') ?? ''
}
