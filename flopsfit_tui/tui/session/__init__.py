"""The sweep behind the screens: state, messages, threads; knows no Textual."""
