// Every test begins without anything remembered.
import { beforeEach } from 'vitest'

beforeEach(() => localStorage.clear())
