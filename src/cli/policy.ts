// The one option value that kv, proxy and up share by name.
import { InvalidArgumentError } from '../core/invalid-argument.ts'
import { POLICIES, type AdminPolicy as Policy } from '../service/kv-admin.ts'

export function parsePolicy(text: string): Policy {
  const policy = POLICIES.find((name) => name === text)
  if (policy === undefined) throw new InvalidArgumentError('--maxmemory-policy', POLICIES.join(' or '), text)
  return policy
}
