-- Whether something of the same kind has gone well since: asked by every look at the overview.
CREATE INDEX job_by_subject ON job (project_id, kind, subject);
