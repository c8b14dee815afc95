"""Mail: mailboxes, MIME, quoted text, signatures, threads and authors."""
