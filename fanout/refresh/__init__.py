"""`fanout refresh`: do it now, through the app's own flow, and follow it until every pod shows it.

verdict     what a look tells of each target. Pure
errand      from an object to the event or the jobs that the flow takes. Pure
following   look again and again, through the neighbours
report      tables and JSON. Pure
command     arguments, and what is done in which order
"""
