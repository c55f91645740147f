"""The report of a run: one HTML file for a court, an expert and a data lead, and the draft of a certificate.

`queries` asks, `facts` reads the answers, `cells`, `strips` and `passages` show them, `render` puts all into
the templates. Whatever comes from data is text: escaped, its invisible characters written out, never a link.
"""
