/** Makes the console an app that can be installed, and that opens when its server is away (scripts/serviceWorker.js). */
export function installable(): void {
  if (!import.meta.env.PROD || !window.isSecureContext || !('serviceWorker' in navigator)) return
  // Behind a certificate that a person let through by hand browsers refuse it: the console works all the same.
  navigator.serviceWorker.register('/sw.js').catch(() => {})
}
