"""The worked examples of docs/extending, each a file that runs."""
