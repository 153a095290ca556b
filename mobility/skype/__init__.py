"""What administrators bring from Skype for Business Server: objects that PowerShell exported."""
