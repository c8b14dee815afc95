"""From raw mail, documents and dialogues to a job folder whose examples deserve training."""
