"""The directory of the Mobility Service (Mcx): retirement answers, or those of a legacy pool."""
