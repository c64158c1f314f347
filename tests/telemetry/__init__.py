"""What is measured and traced, read as an exporter reads it: from OpenTelemetry's own SDK."""
