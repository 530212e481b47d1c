/** Bytes as base64. */
export function base64(bytes: Uint8Array): string {
  let text = '';
  // A call takes a limited number of arguments.
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}
