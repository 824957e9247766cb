// The words of the API about recipes and what is wrong with them.

export interface Problem {
  field?: string
  hint?: string
  line?: number | null
  message: string
}

export interface RecipeCheck {
  problems: Problem[]
  warnings?: string[]
  valid: boolean
}

export interface RecipeInit {
  algorithm?: string | null
  dataset: string
  positive?: string | null
  split_column?: string | null
  target: string
}
