"""`fanout live`: a page on this machine that shows rotations as the topic tells of them.

command     its arguments, and what runs while the page is served
story       notices -> what the page shows: each rotation's time line, each target's version
listening   a subscription of the topic, looked through again and again; nothing is taken
server      the page, its stream of server-sent events, and on the local stack the button
page.html   HTML, CSS and JavaScript in one file, without anything from elsewhere
"""
