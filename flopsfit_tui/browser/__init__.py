"""The app in a browser: a server on this machine alone, which starts the app for each page that is opened."""
