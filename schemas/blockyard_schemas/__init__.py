"""The document, the policy, statuses and problems: data that every other room reads."""
