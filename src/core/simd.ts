// Which build of the core a host can run: the one with SIMD, or the baseline.

/** The smallest module with a SIMD instruction: `i32.const 0`, `i8x16.splat`, `drop`. */
const PROBE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // magic, version
  ...[0x01, 0x04, 0x01, 0x60, 0x00, 0x00], // one type: () → ()
  ...[0x03, 0x02, 0x01, 0x00], // one function of it
  ...[0x0a, 0x09, 0x01, 0x07, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0x1a, 0x0b], // its code
)

/** Whether the core with SIMD is to be used: the host can, and MILLRACE_SIMD=0 does not forbid it. */
export function simdWanted(): boolean {
  return environment('MILLRACE_SIMD') !== '0' && WebAssembly.validate(PROBE)
}

interface Host {
  readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> }
  readonly Deno?: {
    readonly permissions?: { querySync(wanted: { name: 'env'; variable: string }): { readonly state: string } }
  }
}

/** A variable of the environment, on hosts that have one and let us look. */
function environment(variable: string): string | undefined {
  const { process, Deno } = globalThis as Host
  // Deno asks its user at a forbidden look
  if (Deno?.permissions !== undefined && Deno.permissions.querySync({ name: 'env', variable }).state !== 'granted') {
    return undefined
  }
  return process?.env?.[variable]
}
