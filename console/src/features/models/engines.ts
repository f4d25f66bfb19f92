import type { Shape } from '@/api/client'
import type { Field } from '@/parts/fields'
import { language } from '@/texts/i18n'

export type Kind = Shape<'ProviderKind'>
export type Provider = Shape<'ProviderShown'>
export type Form = Shape<'FormShown'>

export const KINDS: readonly Kind[] = ['llm', 'asr', 'tts', 'vision', 'encoder']

/** What `/about.json` calls what serves each kind by itself. */
export const BUILT_IN: Partial<Record<Kind, string>> = { llm: 'model', asr: 'recogniser', tts: 'voice' }

/** A well-known server: filled in with one press. */
export interface Address {
  label: string
  url: string
  models: string[]
}

export interface Engine {
  name: string
  label: string
  help: string
  fields: Field[]
  more: Field[]
  addresses: Address[]
  takesSecret: boolean
}

const DRAWN_AS: Record<Form['fields'][number]['kind'], Field['kind']> = {
  text: 'text',
  number: 'number',
  integer: 'number',
  bool: 'switch',
  choice: 'choice',
  url: 'url',
  secret: 'text',
  json: 'long',
}
const said = (text: { zh: string; en: string }) => text[language.value]

/** The engines of a kind, each with its form, as the server describes them. */
export function enginesFor(kind: Kind, forms: readonly Form[]): Engine[] {
  return forms.filter((form) => form.kind === kind).map(engineOf)
}

function engineOf(form: Form): Engine {
  const asked = form.fields.filter((field) => field.kind !== 'secret')
  return {
    name: form.engine,
    label: said(form.label),
    help: said(form.help),
    fields: asked.filter((field) => !field.advanced).map(fieldOf),
    more: asked.filter((field) => field.advanced).map(fieldOf),
    addresses: form.addresses.map((each) => ({
      label: said(each.label),
      url: each.url,
      models: each.models,
    })),
    takesSecret: form.fields.some((field) => field.kind === 'secret'),
  }
}

function fieldOf(field: Form['fields'][number]): Field {
  return {
    name: field.name,
    kind: DRAWN_AS[field.kind],
    label: said(field.label),
    hint: said(field.help),
    required: field.required,
    choices: field.choices.map((choice) => ({ value: choice.value, label: said(choice.label) })),
    ...(field.default === null ? {} : { fallback: field.default }),
    ...(field.least === null ? {} : { least: field.least }),
    ...(field.most === null ? {} : { most: field.most }),
  }
}
