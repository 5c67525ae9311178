"""HTML bodies of messages, changed by position: octets outside a change stay what they were."""
