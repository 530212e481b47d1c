/**
 * As most objects do, this one keeps values by key and has had an alarm: the platform has tables of its own in its
 * database then, and no statement may look into them.
 */
export function inUse({ storage }: DurableObjectState): void {
  if (storage.kv.get('used')) return;
  storage.kv.put('used', true);
  storage.setAlarm(Date.now() + 86_400_000);
  storage.deleteAlarm();
}
