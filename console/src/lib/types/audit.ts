// The words of the API about the audit trail.
import type { Micros } from '../types.ts'

export interface AuditEntry {
  action: string
  actor: string
  at: Micros
  details: unknown
  mac: string
  project: string
  seq: number
  subject: string
}

export interface AuditFinding {
  kind: string
  message: string
  seq: number
}

export interface AuditVerification {
  entries: number
  findings: AuditFinding[]
  intact: boolean
}
