import { api, ask, type Shape } from '@/api/client'
import { ApiProblem } from '@/api/errors'
import { notify, notifyProblem } from '@/composables/notices'
import type { Role } from '@/composables/roles'
import { t } from './texts'

/** Makes a role of a file; undefined, and a sentence on the page, when it cannot. */
export async function importRole(file: File): Promise<Role | undefined> {
  let document: Shape<'RoleDocument'>
  try {
    document = JSON.parse(await file.text())
  } catch {
    notify('bad', t('badFile'))
    return undefined
  }
  try {
    const { role, unmatched } = await ask(api.POST('/roles/import', { body: document }))
    notify('good', t('imported', { name: role.name }))
    if (unmatched.length)
      notify('bad', t('unmatched', { names: unmatched.map((each) => each.name).join(', ') }))
    return role
  } catch (error) {
    if (!(error instanceof ApiProblem)) throw error
    notifyProblem(error)
    return undefined
  }
}
