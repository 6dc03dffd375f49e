"""The secret and the settings that the transports' tests share."""

from pathlib import Path

from fleet.secret import Keyring, Secret, SecretRef

PASSWORD = SecretRef("env", "PASSWORD")
PASSWORD_VALUE = "s3cr3t-'quoted'-value"
KEYRING = Keyring({PASSWORD: Secret(PASSWORD_VALUE)})

NO_CONFIG = Path("/dev/null")
