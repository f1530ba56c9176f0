"""`synlearn-coordinator serve`: rankings for downstream teams, over gRPC and HTTP, with a page."""
