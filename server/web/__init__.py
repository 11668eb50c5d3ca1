"""What stands around every route of the web role: who calls, security headers, pages, health."""
