-- Where the pictures of a version are, as JSON: the blob of their list, and the blobs that hold their bytes. NULL: a table.
ALTER TABLE dataset_version ADD COLUMN media TEXT;
