/** What a voice said, in base64, as an address that this page may play; whoever asks for it revokes it. */
export function soundUrl(base64: string): string {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
  return URL.createObjectURL(new Blob([bytes], { type: 'audio/wav' }))
}
