// The words of the API about who may do what.
import type { Micros } from '../types.ts'

/** What a person may do in a project: the words of the permission table. */
export type Action =
  | 'read_data'
  | 'export_data'
  | 'check_recipe'
  | 'read_jobs'
  | 'read_models'
  | 'predict'
  | 'read_metrics'
  | 'manage_own_keys'
  | 'import_data'
  | 'train'
  | 'cancel_job'
  | 'deploy'
  | 'set_alias'
  | 'delete_model'
  | 'manage_principals'
  | 'manage_keys'
  | 'create_project'
  | 'read_audit'

export interface Session {
  me: Me
  projects: Project[]
  csrf: string
  expires_at: Micros
}

export interface CreatedKey {
  key: Key
  secret: string
}

export interface Key {
  created_at: Micros
  expires_at?: Micros | null
  id: string
  note: string
  prefix: string
  principal: string
  project: string
  revoked_at?: Micros | null
}

export interface Me {
  key_prefix: string
  principal: string
  project: string
  role: Role
  may: Action[]
}

export interface Principal {
  created_at: Micros
  name: string
  role: Role
}

export interface Project {
  created_at: Micros
  name: string
}

export type Role = 'viewer' | 'scientist' | 'admin'
