# Starts KWS Studio on Windows 10 or 11, after installing what it needs (the first time, or after an update).
# NOT YET RUN ON WINDOWS: written to do what run.sh does on Linux, and checked by a parser and by reading.
#
#     powershell -ExecutionPolicy Bypass -File packaging\run.ps1 [PROJECT or other arguments of kws-studio]
#
# Needs 64-bit Python 3.11 to 3.14 and the Microsoft Visual C++ Redistributable (PyTorch does). Nothing is installed
# outside .venv in this checkout.

$root = Split-Path -Parent $PSScriptRoot
$venv = Join-Path $root '.venv'
$python = Join-Path $venv 'Scripts\python.exe'
$stamp = Join-Path $venv 'kws-studio.stamp'            # what was installed, and for which Python; written last
$unfinished = Join-Path $venv 'kws-studio.unfinished'  # there from the first step of an installation to its last

# No double quotes inside: Windows PowerShell 5 loses them on the way to a program.
$suitable = 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 14) and sys.maxsize > 2**32))'
$describe = 'import hashlib, pathlib, platform, sys
pyproject = pathlib.Path(sys.argv[1], ''pyproject.toml'').read_bytes()
print(hashlib.sha256(pyproject).hexdigest(), platform.python_version(), sys.argv[1])'

function Stop-With([string] $message) {
    Write-Host $message
    exit 1
}

# The command line of a suitable Python, as a list; empty where there is none.
function Find-Python {
    $candidates = @(@('py', '-3.13'), @('py', '-3.12'), @('py', '-3.11'), @('py', '-3.14'), @('python'), @('python3'))
    foreach ($candidate in $candidates) {
        if (-not (Get-Command $candidate[0] -ErrorAction SilentlyContinue)) { continue }
        $options = @($candidate | Select-Object -Skip 1)
        & $candidate[0] @options -c $suitable 2>$null | Out-Null
        if ($LASTEXITCODE -eq 0) { return $candidate }
    }
}

# What the environment has to match: the dependencies, the Python, the place. Empty where its Python does not start.
function Get-WantedStamp {
    if (-not (Test-Path $python)) { return '' }
    $line = & $python -c $describe $root 2>$null
    if ($LASTEXITCODE -ne 0) { return '' }
    return "$line".Trim()
}

function Get-Stamp {
    if (-not (Test-Path $stamp) -or (Test-Path $unfinished)) { return '' }
    return "$(Get-Content $stamp -Encoding UTF8 -TotalCount 1)".Trim()
}

function New-Environment {
    $found = @(Find-Python)
    if ($found.Count -eq 0) {
        Stop-With 'KWS Studio needs Python 3.11, 3.12, 3.13 or 3.14 (64 bit): install one from python.org, then start this again.'
    }
    Write-Host "Making $venv."
    $old = "$venv-old"
    if (Test-Path $old) { Remove-Item -Recurse -Force $old }
    if (Test-Path $venv) {
        # Renamed first: a deletion cut off half-way must not look like an environment.
        Move-Item $venv $old
        if (Test-Path $venv) { Stop-With "$venv is in use: close KWS Studio, then start this again." }
        Remove-Item -Recurse -Force $old
    }
    New-Item -ItemType Directory $venv | Out-Null
    New-Item -ItemType File $unfinished | Out-Null
    $options = @($found | Select-Object -Skip 1)
    & $found[0] @options -m venv $venv
    if ($LASTEXITCODE -ne 0) { Stop-With "$venv could not be made: see the message above." }
}

function Install-Project {
    Write-Host 'Installing KWS Studio and its libraries: some minutes, once.'
    New-Item -ItemType File -Force $unfinished | Out-Null
    if (Test-Path $stamp) { Remove-Item $stamp }
    & $python (Join-Path $PSScriptRoot 'install.py') actions
    if ($LASTEXITCODE -ne 0) {
        Stop-With 'The libraries could not be installed: see the message of pip above, then start this again.'
    }
    Set-Content $stamp (Get-WantedStamp) -Encoding UTF8
    Remove-Item $unfinished
}

$env:PYTHONUTF8 = '1'
[Console]::OutputEncoding = [System.Text.Encoding]::UTF8
$wanted = Get-WantedStamp
if ($wanted -eq '' -or (Get-Stamp) -ne $wanted) {
    # Only new dependencies (same Python, same place): pip goes on in the environment that is there.
    $there = (Get-Stamp) -replace '^\S+ ', ''
    if ($there -eq '' -or $there -ne ($wanted -replace '^\S+ ', '')) { New-Environment }
    Install-Project
}

& (Join-Path $venv 'Scripts\kws-studio.exe') @args
exit $LASTEXITCODE
