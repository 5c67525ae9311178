"""What `relay check` looks at: a module a subject, each with functions that yield findings and never fail."""
