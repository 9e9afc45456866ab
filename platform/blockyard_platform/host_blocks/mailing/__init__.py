"""Messages by mail: who may be written to, what a message may hold, and how it is handed over."""
