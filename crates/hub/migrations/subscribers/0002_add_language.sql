-- In which language somebody is told; the page's own where nothing is kept.
ALTER TABLE subscribers ADD COLUMN language TEXT; -- a code of ISO 639-1
