"""Messages made anew: octets of texts, addresses and attachments. Pure, and without the standard library's `email`.

    mailboxes   what people write as addresses -> names and addresses -> what stands in From, To, Cc, Reply-To
    fields      header fields and parameters: folded, encoded where they are not ASCII
    bodies      a text or octets -> a part's fields and its encoded body, in pieces
    message     fields, texts, attachments -> the octets of the message, CRLF at the end of every line

Date, Message-ID and Received are intake's.
"""
