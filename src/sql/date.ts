/** Whether the calendar has a day of this form, 2026-02-28: JavaScript makes March the 2nd of February the 30th. */
export function isDay(text: string): boolean {
  return new Date(text).toJSON()?.startsWith(text) ?? false;
}
