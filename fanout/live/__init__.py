"""`fanout live`, and what the app serves of it: a page that shows rotations as the topic tells of them.

command     its arguments, and what runs while the page is served
server      on this machine's loopback: the page, its stream of server-sent events, and the local stack's button
over_http   as functions of the app: the page, and its events a piece at a time
hearing     what is listened to, for as long as somebody looks
listening   a subscription of the topic, looked through again and again; nothing is taken
board       what is shown just now, and who waits for news of it
story       notices -> what the page shows: each rotation's time line, each target's version
page        the page and its headers; page.html is HTML, CSS and JavaScript without anything from elsewhere
"""
