-- No query reads the log by node: watch streams read it by position, pages by project.
DROP INDEX event_node;
UPDATE meta SET value = '2' WHERE name = 'schema';
