"""What leaves churnlab: bundle, tables, SQL, verification, monitoring."""
