"""The review dashboard: a face, with no rule of the domain in it.

`app.py` is the entry; `views/` has one module per page. Around them:

- `connection.py` what all sessions share, `session.py` what one knows, `sign_in.py` the door,
  `troubles.py` errors as pages.
- `sidebar.py` queues, lease and one's own shift; `item_panels.py` what was submitted;
  `why_panels.py` why it is here; `action_bar.py` what to do, by button or key.
- `hostile_text.py` and `pictures.py` make foreign content fit to be seen; `evidence.py` sorts what
  the classifiers pointed at; `view_settings.py` is how one person looks at one item.
- `wording.py` and `rule_words.py` are the words; `templates/` and `style.css` the looks.
"""
