"""`synlearn-provider doctor`: what is wrong with a site, and the next thing to do about it."""
