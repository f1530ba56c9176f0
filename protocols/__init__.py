"""What crosses the wire between coordinator and providers, and the rules both ends keep."""
