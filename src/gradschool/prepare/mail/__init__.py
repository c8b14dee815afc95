"""Mail as people have it: mailboxes, MIME, quoted text, signatures, threads and authors."""
