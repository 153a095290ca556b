"""Providers that you own: strict doubles of APNs, FCM, a push service and WNS, over real TLS.

For tests, demonstrations and benchmarks, ours and yours.  Each checks what its original checks
(every token's signature, claims and age, every header and size), decrypts what it receives, keeps
it, and can be told to be down, slow or displeased.  Nothing of it is part of a clearing house.

    providers = Providers(directory, reactor)
    await providers.start()
    config = providers.write_config("front-end.example.test")

`python -m mobility.push_doubles DIR` runs them as a process and prints what they receive; lines of
its standard input, such as `apns 429`, make them fail (`mobility.push_doubles.commands`).
"""
